"""The only public door of Webox."""
