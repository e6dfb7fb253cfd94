"""The HTTP door of folders and tags as a whole."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from webox_chat.labels.schemas import FolderCounts, FolderName, TagCounts, TagName
from webox_chat.labels.service import LabelService
from webox_kit.app import PROBLEMS
from webox_kit.identity import CurrentUser
from webox_kit.text import clean

router = APIRouter(prefix="/api/chat", tags=["Folders and tags"], responses=PROBLEMS)

_KEPT: dict[int | str, dict[str, Any]] = {
    409: {**PROBLEMS[400], "description": "The default folder stays as it is"}
}


async def label_service(request: Request) -> LabelService:
    service: LabelService = request.app.state.labels
    return service


Labels = Annotated[LabelService, Depends(label_service)]


@router.get("/folders", summary="List the folders with their counts")
async def list_folders(user: CurrentUser, labels: Labels) -> FolderCounts:
    """By name. `Général` is always there; archived conversations count."""
    return FolderCounts(folders=await labels.folders(user.user_id))


@router.patch("/folders/{name:path}", summary="Rename a folder everywhere", responses=_KEPT)
async def rename_folder(
    user: CurrentUser, labels: Labels, name: str, body: FolderName
) -> FolderCounts:
    """A name that another folder has merges the two. The answer is the list as it is then.

    `Général` cannot be renamed. Interrupted, it may be repeated, and goes on where it was.
    """
    await labels.rename_folder(user.user_id, clean(name), body.name)
    return FolderCounts(folders=await labels.folders(user.user_id))


@router.delete("/folders/{name:path}", summary="Remove a folder", responses=_KEPT)
async def remove_folder(user: CurrentUser, labels: Labels, name: str) -> FolderCounts:
    """Its conversations go to `Général`, which itself stays. The answer is the list then."""
    await labels.remove_folder(user.user_id, clean(name))
    return FolderCounts(folders=await labels.folders(user.user_id))


@router.get("/tags", summary="List the tags with their counts")
async def list_tags(user: CurrentUser, labels: Labels) -> TagCounts:
    """By name; archived conversations count.

    Tags that differ in case only are one, in the spelling that most conversations have.
    """
    return TagCounts(tags=await labels.tags(user.user_id))


@router.patch("/tags/{name:path}", summary="Rename a tag everywhere")
async def rename_tag(user: CurrentUser, labels: Labels, name: str, body: TagName) -> TagCounts:
    """Whatever its case. A conversation that has both keeps one, in the new spelling.

    The answer is the list as it is then. Interrupted, it may be repeated, and goes on.
    """
    await labels.rename_tag(user.user_id, clean(name), body.name)
    return TagCounts(tags=await labels.tags(user.user_id))


@router.delete("/tags/{name:path}", summary="Remove a tag everywhere")
async def remove_tag_everywhere(user: CurrentUser, labels: Labels, name: str) -> TagCounts:
    """Whatever its case. The answer is the list as it is then."""
    await labels.remove_tag(user.user_id, clean(name))
    return TagCounts(tags=await labels.tags(user.user_id))
