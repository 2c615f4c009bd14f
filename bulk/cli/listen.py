"""``bulk listen``: receive webhooks, and append who unsubscribed to a file that jobs read."""

from pathlib import Path
from typing import Annotated

import typer

from bulk.cli.run import LogFormat


def listen(  # noqa: PLR0913 - one parameter per option
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", readable=False, help="The file they are appended to; made if missing."
        ),
    ],
    *,
    customerly: Annotated[
        bool, typer.Option("--customerly", help="Receive Customerly's webhooks at /customerly/SECRET.")
    ] = False,
    customerio: Annotated[
        bool, typer.Option("--customerio", help="Receive Customer.io's reporting webhooks at /customerio.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8443,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 in a container.")] = "127.0.0.1",
    tls_cert: Annotated[
        Path | None,
        typer.Option(metavar="PEM", help="Certificate chain, where no proxy before it speaks TLS."),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="PEM", help="The certificate's private key.")
    ] = None,
    max_age: Annotated[
        str, typer.Option(metavar="DURATION", help="Refuse what Customer.io signed longer ago.")
    ] = "8d",
    unsigned: Annotated[
        bool,
        typer.Option("--unsigned", help="Let a vendor in without a secret: anybody can then add people."),
    ] = False,
    log_format: Annotated[
        LogFormat, typer.Option(envvar="BULK_LOG_FORMAT", help="Lines for people, or JSON lines.")
    ] = LogFormat.CONSOLE,
) -> None:
    """Receive webhooks, and append who unsubscribed to a file that jobs read, until interrupted.

    A webhook is answered with 200 once the person is on disk, and each person is in the file once. Secrets
    come from CUSTOMERLY_WEBHOOK_SECRET and CUSTOMERIO_WEBHOOK_SIGNING_KEY, or from files: NAME_FILE.

    Example: bulk listen unsubscribed.csv --customerly --customerio
    """
    from bulk.cli.listening import Asked, execute

    asked = Asked(
        file=file,
        vendors=tuple(
            name for name, wanted in (("customerly", customerly), ("customerio", customerio)) if wanted
        ),
        host=host,
        port=port,
        tls_cert=tls_cert,
        tls_key=tls_key,
        max_age=max_age,
        unsigned=unsigned,
        json_log=log_format is LogFormat.JSON,
    )
    raise typer.Exit(execute(asked))
