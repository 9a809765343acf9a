package io.jetfire.runtime.internal.worker;

/** Looks at how much memory of another process is resident. */
@FunctionalInterface
interface ResidentMemory {
  /** Bytes, or -1 if that cannot be seen. */
  long bytes(long pid);
}
