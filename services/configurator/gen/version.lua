-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 3,
  sha256 = "b898be259c722e78557fd2c5399228e445b1f5e8e2afdf27240829e88e170aed",
  time = "2026-11-28T15:48:57.196440742Z",
}
