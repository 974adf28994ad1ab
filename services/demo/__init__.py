"""The demonstration: half a year of a seller and its customers, told through the services all else uses."""
