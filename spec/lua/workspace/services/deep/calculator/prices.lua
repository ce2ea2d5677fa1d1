-- The same name as a module of the shop.
return { name = "calculator" }
