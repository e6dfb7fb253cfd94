"""Which providers there are: the default file, the administrator's, the keys and the demo."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from webox_chat.providers import ProviderRegistryError, Registry
from webox_kit.circuits import CircuitPolicy
from webox_kit.errors import ConfigurationError

WriteFile = Callable[[str], Path]
DEMO_URL = "http://127.0.0.1:9"
MINIMAL = 'protocol = "openai"\nbase_url = "https://llm.example.org/v1"\ndefault_model = "m"\n'


class TestTheDefaultFile:
    def test_names_the_providers_users_know(self) -> None:
        registry = Registry.load(environ={})
        assert [provider.name for provider in registry.all()] == [
            "GPT-4",
            "Claude",
            "Mistral",
            "Gemini",
            "DeepSeek",
            "Groq",
            "OpenRouter",
            "Ollama",
        ]

    @pytest.mark.parametrize(
        ("name", "variable"),
        [
            ("GPT-4", "OPENAI_API_KEY"),
            ("Claude", "ANTHROPIC_API_KEY"),
            ("Mistral", "MISTRAL_API_KEY"),
            ("Gemini", "GEMINI_API_KEY"),
            ("DeepSeek", "DEEPSEEK_API_KEY"),
            ("Groq", "GROQ_API_KEY"),
            ("OpenRouter", "OPENROUTER_API_KEY"),
        ],
    )
    def test_a_key_makes_its_provider_available(self, name: str, variable: str) -> None:
        without = Registry.load(environ={variable: " "}).find(name)
        assert without is not None
        assert (without.available, without.reason) == (False, f"set {variable}")
        registry = Registry.load(environ={variable: "sk-1"})
        assert [each.name for each in registry.available()] == [name]
        provider = registry.available()[0]
        assert provider.reason is None
        assert provider.default_model in provider.models
        assert provider.endpoint.base_url.startswith("https://")

    def test_a_key_that_cannot_be_one_is_told(self) -> None:
        provider = Registry.load(environ={"OPENAI_API_KEY": "sk-1\r\nX-Evil: 1"}).find("GPT-4")
        assert provider is not None
        assert provider.reason == "OPENAI_API_KEY holds characters that no key has"

    def test_old_names_ask_for_what_came_after(self) -> None:
        registry = Registry.load(environ={})
        gpt, claude = registry.find("GPT-4"), registry.find("Claude")
        assert gpt is not None
        assert claude is not None
        assert gpt.canonical_model("gpt-4-turbo") == "gpt-6-sol"
        assert claude.canonical_model("claude-3-opus") == "claude-opus-5-5"
        assert not gpt.accepts("claude-3-opus")
        assert gpt.cost("gpt-4-turbo", 1_000_000, 100_000) == Decimal("3.00")
        assert gpt.context_window("gpt-4-turbo") == 1_050_000

    def test_openrouter_takes_any_model_name(self) -> None:
        provider = Registry.load(environ={}).find("OpenRouter")
        assert provider is not None
        assert provider.accepts("some/model:free")
        assert not provider.accepts("")
        assert not provider.accepts("x" * 201)
        assert not provider.accepts("a\nb")

    def test_names_are_exact(self) -> None:
        registry = Registry.load(environ={})
        assert registry.find("gpt-4") is None
        assert registry.find("GPT-4 ") is None

    def test_is_what_the_documentation_says(self) -> None:
        page = (Path(__file__).parents[4] / "docs" / "providers.md").read_text()
        for provider in Registry.load(environ={}).all():
            assert f"| {provider.name} |" in page
            assert [model for model in provider.models if model not in page] == []


class TestTheAdministratorsFile:
    def test_changes_only_the_fields_it_names(self, registry_file: WriteFile) -> None:
        file = registry_file(
            '[providers."Claude"]\nbase_url = "https://proxy.example.org/v1"\ntimeouts.idle = 5\n'
        )
        registry = Registry.load(file, {"ANTHROPIC_API_KEY": "k"})
        provider = registry.find("Claude")
        assert provider is not None
        assert provider.endpoint.base_url == "https://proxy.example.org/v1"
        assert provider.endpoint.limits.idle == 5
        assert provider.endpoint.limits.first_token == 60
        assert provider.protocol == "anthropic"
        assert provider.available
        assert registry.find("GPT-4") is not None

    def test_sets_limits_and_a_fallback(self, registry_file: WriteFile) -> None:
        file = registry_file(
            '[providers."Claude"]\nconcurrency = 3\nfallback = "GPT-4"\n'
            "circuit = { failures = 2, open_seconds = 10 }\n"
            "timeouts = { first_token = 5, idle = 6 }\n"
        )
        registry = Registry.load(file, {})
        claude, mistral = registry.find("Claude"), registry.find("Mistral")
        assert claude is not None
        assert mistral is not None
        assert (claude.concurrency, claude.fallback) == (3, "GPT-4")
        assert claude.circuit == CircuitPolicy(failures=2, open_seconds=10, probe_seconds=11)
        assert (mistral.concurrency, mistral.fallback) == (64, None)
        assert mistral.circuit == CircuitPolicy(failures=5, open_seconds=30, probe_seconds=120)

    def test_adds_any_compatible_address(self, registry_file: WriteFile) -> None:
        registry = Registry.load(registry_file(f'[providers."My LLM 2.0"]\n{MINIMAL}'), {})
        provider = registry.find("My LLM 2.0")
        assert provider is not None
        assert provider.available
        assert provider.models == ("m",)
        assert provider.accepts("m")
        assert not provider.accepts("n")
        assert registry.all()[-1] == provider

    def test_removes(self, registry_file: WriteFile) -> None:
        registry = Registry.load(registry_file('[providers."Groq"]\nenabled = false\n'), {})
        assert registry.find("Groq") is None
        assert len(registry.all()) == 7

    def test_replaces(self, registry_file: WriteFile) -> None:
        file = registry_file(f"extends_default = false\n[providers.A]\n{MINIMAL}")
        assert [provider.name for provider in Registry.load(file, {}).all()] == ["A"]

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            ("[providers", "this is not TOML: "),
            ("provider = 1", "provider is unknown; there are extends_default and"),
            ('extends_default = "no"', "extends_default must be true or false."),
            ("providers = 3", "providers must be tables"),
            (f'[providers."a/b"]\n{MINIMAL}', "provider 'a/b': a name has 1 to 40 letters"),
            (
                f'[providers."Demo A"]\n{MINIMAL}',
                "'Demo A': this name belongs to the demo",
            ),
            ("providers.A = 3", "provider 'A': Input should be a valid dictionary"),
            (
                '[providers.A]\nprotocol = "smtp"',
                "'A': protocol: Input should be 'openai'",
            ),
            ('[providers.A]\nprotocol = "openai"', "provider 'A': base_url: Field required."),
            (f'[providers.A]\n{MINIMAL}api_key = "sk-1"', "provider 'A': api_key: Extra inputs"),
            (
                '[providers.Groq]\nbase_url = "ftp://x"',
                "'Groq': base_url: must be an http",
            ),
            (
                '[providers.Groq]\nbase_url = "https://u:p@x/"',
                "'Groq': base_url: must have no",
            ),
            ('[providers.Groq]\nbase_url = "https://é.fr"', "'Groq': base_url: must have its host"),
            ('[providers.Groq]\nbase_url = "http://x.org"', "'Groq': base_url must be https"),
            ('[providers.Groq]\nbase_url = "https://10.0.0.1"', "set allow_private = true"),
            ('[providers.Groq]\nbase_url = "https://localhost"', "set allow_private = true"),
            ('[providers.Groq]\ndefault_model = "x"', "default_model is not one of its models"),
            ("[providers.Groq]\ndiscover = true", "discover is for servers that need no key"),
            ("[providers.Groq.timeouts]\nidle = 0", "'Groq': timeouts.idle: Input should be great"),
            ("[providers.Groq.retry]\ntries = 11", "'Groq': retry.tries: Input should be less"),
            ("[providers.Groq]\nconcurrency = 0", "'Groq': concurrency: Input should be greater"),
            ("[providers.Groq]\nconcurrency = 10001", "concurrency: Input should be less"),
            ("[providers.Groq.circuit]\nfailures = 0", "'Groq': circuit.failures: Input should be"),
            ('[providers.Groq]\nfallback = "X"', "fallback: 'X' is not the name of another"),
            ('[providers.Groq]\nfallback = "Groq"', "'Groq' is not the name of another"),
            (
                '[providers.Groq.models."openai/gpt-oss-120b"]\ninput_price = 0.15',
                "'Groq': models.openai/gpt-oss-120b.input_price: Input should be a valid string",
            ),
            (
                '[providers.Groq.models."openai/gpt-oss-120b"]\ninput_price = "0.15"',
                "input_price and output_price go together",
            ),
        ],
    )
    def test_a_fault_is_one_sentence_that_names_the_place(
        self, registry_file: WriteFile, content: str, sentence: str
    ) -> None:
        file = registry_file(content)
        with pytest.raises(ProviderRegistryError) as raised:
            Registry.load(file, {})
        said = str(raised.value)
        assert said.startswith(f"{file}: ")
        assert sentence in said
        assert said.endswith(".")
        assert "\n" not in said

    def test_a_missing_file_is_one_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="cannot be read \\(No such file"):
            Registry.load(tmp_path / "none.toml", {})


class TestTheDemo:
    def names(self, registry: Registry) -> list[str]:
        return [provider.name for provider in registry.available()]

    def test_answers_while_nobody_else_does(self) -> None:
        registry = Registry.load(environ={}, demo_url=DEMO_URL)
        assert self.names(registry) == ["Demo A", "Demo B"]
        assert all(provider.demo for provider in registry.available())
        assert [each.protocol for each in registry.available()] == ["openai", "anthropic"]
        assert registry.available()[0].cost("demo-a", 10, 10) is None

    def test_is_gone_when_a_real_provider_is_there(self) -> None:
        registry = Registry.load(environ={"GROQ_API_KEY": "k"}, demo_url=DEMO_URL)
        assert self.names(registry) == ["Groq"]
        assert registry.find("Demo A") is None

    @pytest.mark.parametrize(("demo", "url"), [(False, DEMO_URL), (True, None), (True, "")])
    def test_can_be_switched_off(self, demo: bool, url: str | None) -> None:
        registry = Registry.load(environ={}, demo_url=url, demo=demo)
        assert self.names(registry) == []
        assert registry.find("Demo B") is None

    def test_a_wrong_address_is_one_sentence(self) -> None:
        with pytest.raises(ProviderRegistryError, match=r"^WEBOX_DEMO_URL: must be an http"):
            Registry.load(environ={}, demo_url="localhost:9")
