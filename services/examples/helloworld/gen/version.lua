-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "df3da919be3dc4be54ce9b6336bf2e737c597e1905c72ee0e147a944caa0e400",
  time = "2026-11-28T15:18:50.692046612Z",
}
