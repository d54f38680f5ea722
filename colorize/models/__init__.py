"""The network, part by part: encoder, fusion, decoder, head, and the colorizer that ties them."""
