"""A registry whose providers are all the double; a reply's model says how it behaves.

Their circuits stay closed: what one test does to a provider is no other test's business.
"""

from pathlib import Path

PROVIDERS = ("GPT-4", "Claude", "Mistral", "DeepSeek")
PROVIDER_KEY = "sk-canary-4f1d0c2e9b7a"
FIRST_TOKEN_SECONDS = 4.0
IDLE_SECONDS = 2.0
KEY_VARIABLE = "WEBOX_TEST_PROVIDER_KEY"

REGISTRY = """\
extends_default = false

[providers."GPT-4"]
protocol = "openai"
base_url = "{url}/v1"
api_key_env = "{key_variable}"
default_model = "gpt-4-turbo"
extra_models = true
allow_private = true
circuit = {{ failures = 1000 }}
models."gpt-4-turbo" = {{ context_window = 128000, input_price = "10.00", output_price = "30.00" }}

[providers."Claude"]
protocol = "anthropic"
base_url = "{url}/v1"
api_key_env = "{key_variable}"
default_model = "claude-3-opus"
extra_models = true
allow_private = true
circuit = {{ failures = 1000 }}

[providers."Mistral"]
protocol = "openai"
base_url = "{url}/v1"
default_model = "mistral-large"
extra_models = true
allow_private = true
circuit = {{ failures = 1000 }}

# The one that is soon given up.
[providers."DeepSeek"]
protocol = "openai"
base_url = "{url}/v1"
default_model = "deepseek-chat"
extra_models = true
allow_private = true
circuit = {{ failures = 1000 }}
timeouts = {{ connect = 2, first_token = {first_token:g}, idle = {idle:g}, total = 60 }}

[providers."Gemini"]
protocol = "openai"
base_url = "{url}/v1"
api_key_env = "WEBOX_TEST_ABSENT_KEY"
default_model = "gemini-pro"
allow_private = true
"""


def write_registry(folder: Path, double_url: str) -> dict[str, str]:
    """Writes the registry's file; what the environment needs for it to be used."""
    file = folder / "providers.toml"
    registry = REGISTRY.format(
        url=double_url,
        key_variable=KEY_VARIABLE,
        first_token=FIRST_TOKEN_SECONDS,
        idle=IDLE_SECONDS,
    )
    file.write_text(registry, encoding="utf-8")
    return {"WEBOX_PROVIDERS_FILE": str(file), KEY_VARIABLE: PROVIDER_KEY}
