import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    // Files of one worker share their modules: to load Effect anew for each takes longer than most
    // of the tests. So a test must not change what is global, which none needs to.
    isolate: false,
    // Real servers and processes, on a machine that may be busy: generous, because no test waits
    // for its timeout unless it is broken.
    testTimeout: 60_000,
    hookTimeout: 120_000
  }
})
