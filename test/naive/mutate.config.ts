import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['test/naive/mutate-engine.ts'], testTimeout: 200_000, hookTimeout: 200_000 },
})
