return { apple = 2 }
