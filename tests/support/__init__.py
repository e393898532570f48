"""What tests share: a homework's solutions, and a copy of the project to grade in."""
