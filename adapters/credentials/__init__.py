"""How the gateway shows platforms who it is; who may ask the gateway is `broker/identity`."""
