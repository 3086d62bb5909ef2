"""The page that is served: to this machine alone, anew as records come, with the records that it links to."""

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from stub_records import write_finished

from unroll.analysis.serving import live as live_report
from unroll.analysis.serving import stamp
from unroll.analysis.webpage.serve import Live, Made, Server, record_link
from unroll.config.compose import compose
from unroll.errors import UserError
from unroll.records.record import FILE_NAME

pytestmark = pytest.mark.usefixtures("believed")


class Source:
    """A page and its stamp, as a test sets them."""

    def __init__(self, records: dict[str, Path]) -> None:
        self.text, self.number, self.records, self.breaks = "<p>one</p>", 1, records, False

    def make(self) -> Made:
        if self.breaks:
            raise UserError("The records cannot be read.")
        return Made(self.text, self.records)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    record = tmp_path / "a-trial.json"
    record.write_text('{"trial_id": "a-trial"}')
    (tmp_path / "secret.json").write_text("{}")
    return Source({"a-trial": record})


@pytest.fixture
def live(source: Source) -> Live:
    return Live(source.make, lambda: source.number)


@pytest.fixture
def server(live: Live) -> Iterator[Server]:
    with Server(live) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def ask(server: Server, path: str = "/", method: str = "GET", host: str | None = None) -> tuple[int, str, str | None]:
    """The status, the text and the tag of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        connection.request(method, path, headers={"Host": host or f"127.0.0.1:{server.server_port}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.getheader("ETag")
    finally:
        connection.close()


def test_it_gives_the_page_and_the_records_it_links_to(server: Server) -> None:
    assert ask(server)[:2] == (200, "<p>one</p>")
    assert ask(server, f"/{record_link('a-trial')}")[:2] == (200, '{"trial_id": "a-trial"}')
    assert ask(server, host=f"localhost:{server.server_port}")[0] == 200
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "evil.example:80", "127.0.0.1.evil.example"])
def test_another_host_is_refused(server: Server, host: str) -> None:
    status, text, _ = ask(server, host=host)
    assert status == 421
    assert text == "This page is for this machine alone.\n"


@pytest.mark.parametrize("path", ["/secret.json", "/records/secret.json", "/records/../secret.json", "/records/", "/x"])
def test_nothing_else_is_given(server: Server, path: str) -> None:
    assert ask(server, path)[:2] == (404, "There is no such page.\n")


def test_nothing_can_be_sent(server: Server) -> None:
    assert ask(server, method="POST")[0] == 501


def test_the_tag_changes_where_the_page_does(server: Server, source: Source, live: Live) -> None:
    before = ask(server, method="HEAD")
    assert before[1] == ""
    assert not live.look()
    source.text, source.number = "<p>two</p>", 2
    assert live.look()
    assert ask(server)[1] == "<p>two</p>"
    assert ask(server, method="HEAD")[2] not in (before[2], None)


def test_a_page_that_cannot_be_made_stays_as_it_was(
    live: Live, source: Source, capfd: pytest.CaptureFixture[str]
) -> None:
    source.breaks, source.number = True, 2
    assert not live.look()
    assert live.now[0] == b"<p>one</p>"
    assert "The page stays as it was: The records cannot be read." in capfd.readouterr().err


def test_it_follows_by_itself(source: Source) -> None:
    made = threading.Event()

    def make() -> Made:
        if source.number == 2:
            made.set()
        return source.make()

    live = Live(make, lambda: source.number, seconds=0.01)
    source.number = 2
    live.start()
    assert made.wait(20)
    live.end()


def test_a_port_that_is_taken_is_said(live: Live, server: Server) -> None:
    with pytest.raises(UserError, match="cannot be served there"):
        Server(live, server.server_port)


def test_the_page_of_a_folder_takes_up_a_record_that_comes(tmp_path: Path) -> None:
    trials = [compose(["task=copying", f"seed={seed}", f"paths.runs={tmp_path / 'runs'}"]) for seed in (0, 1)]
    write_finished(trials[0])
    live = live_report(tmp_path / "runs")
    assert record_link(trials[0].trial_id).encode() in live.now[0]
    assert trials[1].trial_id.encode() not in live.now[0]
    before = stamp(tmp_path / "runs")
    write_finished(trials[1])
    assert live.look()
    assert trials[1].trial_id.encode() in live.now[0]
    assert live.now[2][trials[1].trial_id] == trials[1].directory / FILE_NAME
    trials[1].record_path.unlink()
    assert stamp(tmp_path / "runs") == before
