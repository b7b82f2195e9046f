"""What Linux says of the machine: processors, memory, battery, and the energy that processors take."""
