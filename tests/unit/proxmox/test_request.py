from __future__ import annotations

from paddock.proxmox.request import encode, path_of, request


def test_booleans_are_one_and_zero_and_none_is_left_out() -> None:
    assert encode({"start": True, "force": False, "pool": None, "n": 3}) == "start=1&force=0&n=3"


def test_lists_are_joined_and_signs_encoded() -> None:
    assert encode({"delete": ["net0", "net1"], "password": "pä&s=ß +"}) == (
        "delete=net0%2Cnet1&password=p%C3%A4%26s%3D%C3%9F%20%2B"
    )


def test_delete_has_its_parameters_in_the_query_and_no_body() -> None:
    call = request("DELETE", "/x", {"purge": True})
    assert (call.query, call.form, call.reads) == ("purge=1", None, False)


def test_post_has_a_form_and_get_a_query() -> None:
    assert request("POST", "/x", {"a": 1}).form == "a=1"
    assert request("GET", "/x", {"a": 1}).query == "a=1"
    assert request("GET", "/x").reads


def test_a_path_is_encoded_segment_by_segment() -> None:
    assert path_of("nodes", "pve1", "storage", "local", "content", "local:vztmpl/a b.tar") == (
        "/nodes/pve1/storage/local/content/local:vztmpl%2Fa%20b.tar"
    )
    assert path_of("nodes", "../x") == "/nodes/..%2Fx"


def test_what_may_hold_secrets_does_not_show() -> None:
    assert "hunter2" not in repr(request("POST", "/access/ticket", {"password": "hunter2"}))
