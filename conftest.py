pytest_plugins = ["webox_local.testing", "webox_kit.testing", "fault_table"]
