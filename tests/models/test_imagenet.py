"""Weights of ImageNet: files that hold something else are refused."""

import pytest
from messages import assert_wording, refused

from colorize.config.compose import composed
from colorize.errors import UserError


@pytest.mark.once
@pytest.mark.parametrize("damage", ["another", "cut off", "text"])
def test_a_file_that_is_not_those_weights_is_refused(damage, tmp_path):
    from colorize.models.imagenet import read_imagenet_weights

    whole = composed(["encoder=efficientnet_lite0"]).encoder.weights_file.read_bytes()
    path = tmp_path / "weights.pth"
    path.write_bytes({"another": whole[:-4] + b"\1\1\1\1", "cut off": whole[:-5000], "text": b"weights"}[damage])
    encoder = composed(["encoder=efficientnet_lite0", f"encoder.weights={path}"]).encoder
    if damage == "another":  # as a file of one's own it is taken; as the package's it is not
        assert len(read_imagenet_weights(encoder)) == 247
        packaged = type(encoder).weights_file
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(encoder), "weights_file", property(lambda self: path))
            with refused("encoder.weights.sha256"):
                read_imagenet_weights(encoder.model_copy(update={"weights": "imagenet"}))
        assert type(encoder).weights_file is packaged
        return
    with pytest.raises(UserError) as raised:
        read_imagenet_weights(encoder)
    assert_wording("encoder.weights.damaged", str(raised.value), reason=raised.value.__context__)
