"""The command line: parsing and printing only; everything else is the library's."""
