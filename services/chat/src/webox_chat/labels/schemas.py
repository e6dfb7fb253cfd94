"""Folders and tags as clients send and see them."""

from pydantic import BaseModel

from webox_chat.bodies import Body
from webox_chat.conversations.schemas import Folder, Tag


class Label(BaseModel):
    """A folder or a tag, and how many conversations are in it, archived ones included."""

    name: str
    count: int


class FolderCounts(BaseModel):
    folders: list[Label]


class TagCounts(BaseModel):
    tags: list[Label]


class FolderName(Body):
    name: Folder


class TagName(Body):
    name: Tag
