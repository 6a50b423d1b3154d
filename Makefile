UV := ./scripts/uv
PYTHON_DIRS := packages applications tests bench demo examples scripts
# Tests wait for processes as much as they compute.
WORKERS ?= $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))
SPREAD := -n $(WORKERS) --dist loadgroup

.PHONY: help demo trial test quick check style types types-platform format claims clean

help:    ## this list · 命令一览
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/: *##/:/'

demo:    ## a model city at http://localhost:8000, with a trial that really runs · 模型城市，有一次真实运行的试验
	$(UV) run liudu demo

trial:   ## one whole trial by commands, with its report · 用命令完整走一遍试验
	$(UV) run python demo/first_trial.py

test:    ## all tests that this machine can run · 本机能跑的全部测试
	$(UV) run pytest $(SPREAD)
	$(UV) run pytest $(SPREAD) packages/platform
	$(UV) run python scripts/with-postgresql.py pytest $(SPREAD) packages/platform -m everywhere

quick:   ## without the slow tests · 不含慢测试
	$(UV) run pytest $(SPREAD) -m "not slow and not browser"
	$(UV) run pytest $(SPREAD) packages/platform -m "not slow and not browser"

check:   ## format, lint, layers, types · 格式、规范、层次、类型
	$(UV) sync --quiet
	$(MAKE) --no-print-directory -j2 -Otarget style types types-platform

style:
	$(UV) run ruff format --check $(PYTHON_DIRS)
	$(UV) run ruff check $(PYTHON_DIRS)
	$(UV) run lint-imports

types:
	$(UV) run mypy packages applications

types-platform:
	$(UV) run mypy --config-file packages/platform/mypy.ini packages/platform/src

format:  ## mend what can be mended by itself · 自动整理格式
	$(UV) run ruff format $(PYTHON_DIRS)
	$(UV) run ruff check --fix $(PYTHON_DIRS)

claims:  ## measure again every figure of the documents · 重新测量文档里的每个数字
	$(UV) run --group bench python bench/claims.py

clean:   ## what demo and tests leave behind · 清理
	rm -rf var .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
