-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 9,
  sha256 = "029dbb4f0804aacace90129462c144815108fdf35b15ec9286928acb07ed4935",
  time = "2026-11-28T19:06:38.563644641Z",
}
