"""Rows → node and chat, until nothing is left to do. It alone takes a row's steps."""
