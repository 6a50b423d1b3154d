"""Mappings of line-list columns that come with the program; see `liudu.outbreak.linelist`."""
