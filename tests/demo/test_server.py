"""Who may ask the demo, and for how much."""

import http.client

import psutil
import pytest
from demo_process import demo

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of sockets that are left


def test_it_is_for_this_machine_alone_and_takes_no_more_than_it_says(model_folder):
    with demo(model_folder) as port:

        def asked(headers, body=None, method="GET"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request(method, "/", body, headers)
            return connection.getresponse().status

        assert asked({}) == 200
        assert asked({"Host": "evil.example"}) == 400, "another name for this machine, as a page elsewhere might use"
        assert asked({"Content-Length": "99000000"}, b"", "POST") == 413
        assert asked({"Transfer-Encoding": "chunked"}, iter([b"0"]), "POST") == 411
        listening = [c.laddr for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        assert [place.ip for place in listening if place.port == port] == ["127.0.0.1"]
