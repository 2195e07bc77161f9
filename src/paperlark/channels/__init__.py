"""The contents list of channels: short name -> class. A third party's needs no line here: `their_pkg.mod:Class`."""

CONTENTS = {
    "console": "paperlark.channels.console:Console",
    "email": "paperlark.channels.email:Email",
    "telegram": "paperlark.channels.telegram:Telegram",
}
