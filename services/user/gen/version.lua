-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 10,
  sha256 = "56f0e1bf3607e7c5ae4ee2173e4a5ff786ad82e0817d5954b728e0eb95c24071",
  time = "2026-11-28T21:02:12.126947248Z",
}
