"""Paging: what is asked for, and the envelope."""

import json
from collections.abc import Callable

import pytest
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel

from paddock.base.errors import Invalid
from paddock.web.paging import Page, Paging, next_path, page_paging, page_response, rest_paging


def request(query: str) -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/nodes",
            "query_string": query.encode(),
            "headers": [(b"host", b"h")],
            "server": ("h", 80),
            "scheme": "http",
        }
    )


read: Callable[[Request], Paging] = page_paging(sorts=("name", "age"), filters=("status",))


def test_a_page_reads_what_its_address_says() -> None:
    paging = read(request("page=3&size=20&sort=-age&q=+pve+&status=offline&other=x"))
    assert paging == Paging(3, 20, "age", True, "pve", {"status": "offline"})
    assert paging.offset == 40


@pytest.mark.parametrize(
    ("query", "page", "size"), [("page=x&size=y", 1, 50), ("page=-1&size=999", 1, 200), ("", 1, 50)]
)
def test_a_page_opens_with_nonsense_in_its_address(query: str, page: int, size: int) -> None:
    paging = read(request(query))
    assert (paging.page, paging.size) == (page, size)


def test_a_page_ignores_a_sort_it_does_not_know() -> None:
    assert read(request("sort=-secret")) == Paging()


def test_rest_refuses_a_sort_it_does_not_know() -> None:
    with pytest.raises(Invalid, match="Known: name"):
        rest_paging(sorts=("name",))(page=1, size=50, q="", sort="secret")


def test_rest_filters_are_in_openapi() -> None:
    app = FastAPI()

    @app.get("/nodes")
    async def nodes(
        paging: Paging = Depends(rest_paging(sorts=("name",), filters={"site": "Id of a site."})),
    ) -> None: ...

    parameters = {p["name"]: p for p in app.openapi()["paths"]["/nodes"]["get"]["parameters"]}
    assert set(parameters) == {"page", "size", "q", "sort", "site"}
    assert parameters["size"]["schema"]["maximum"] == 2000
    assert parameters["site"]["description"] == "Id of a site."


def test_the_envelope_links_to_the_next_page_and_keeps_the_filters() -> None:
    class Out(BaseModel):
        name: str

    page = Page([Out(name="a"), Out(name="b")], total=5, page=2, size=2)
    answer = page_response(request("q=x%26y&page=2&size=2"), page)
    body = json.loads(bytes(answer.body))
    assert body == {
        "items": [{"name": "a"}, {"name": "b"}],
        "total": 5,
        "page": 2,
        "size": 2,
        "next": "/nodes?q=x%26y&size=2&page=3",
    }
    assert answer.headers["link"] == '</nodes?q=x%26y&size=2&page=3>; rel="next"'


def test_the_last_page_has_no_next() -> None:
    assert next_path(request(""), Page(["e"], total=5, page=3, size=2)) is None


def test_numbers_of_what_is_shown() -> None:
    assert (Page(["c", "d"], 5, 2, 2).first, Page(["c", "d"], 5, 2, 2).last) == (3, 4)
    assert (Page([], 0).first, Page([], 0).last, Page([], 0).pages) == (0, 0, 1)


def test_a_page_is_cut_out_of_a_whole_list() -> None:
    page = Page.cut([1, 2, 3, 4, 5], Paging(page=2, size=2))
    assert (list(page.items), page.total, page.has_next) == ([3, 4], 5, True)
