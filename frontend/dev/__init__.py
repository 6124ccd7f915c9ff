"""A gateway of plain examples for the development of the pages. Not shipped, not a gateway: nothing here measures."""
