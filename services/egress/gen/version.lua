-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "2326234fb9421e7c24fd182f861b405ff432dedb49c6b9f64b65e16458d294c9",
  time = "2026-11-28T19:23:08.841958405Z",
}
