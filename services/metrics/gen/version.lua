-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "cf81c9f556c27712f32ed520fbbefad7c54e8cb7e011e6b42148c7dbaec2bd1e",
  time = "2026-11-28T14:58:52.243623305Z",
}
