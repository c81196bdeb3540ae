"""The page that people see: its routes, templates and static files, around the same service as the interfaces."""

from __future__ import annotations

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()
"""Routes below `/`."""
