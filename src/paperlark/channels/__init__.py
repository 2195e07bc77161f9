"""The contents list of channels: short name -> class. A third party's needs no line here: `their_pkg.mod:Class`."""

CONTENTS = {
    "apprise": "paperlark.channels.apprise:Apprise",
    "console": "paperlark.channels.console:Console",
    "discord": "paperlark.channels.discord:Discord",
    "email": "paperlark.channels.email:Email",
    "telegram": "paperlark.channels.telegram:Telegram",
    "webhook": "paperlark.channels.webhook:Webhook",
}
