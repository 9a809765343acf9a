/**
 * Interpreters in processes of their own, so that no file takes the host down.
 *
 * <p>A worker is a JVM that holds one interpreter at a time and obeys over its standard input and
 * output. The host watches its time and its resident memory and ends it when it goes beyond. What a
 * worker answers is not believed either: every count and size is checked before it is used.
 *
 * <p>What holds where: a worker is started with this JVM's own {@code java}, from a class path, a
 * module path, JShell or a jar with everything in it, on every platform alike; time limits too. On
 * Linux the host reads resident memory every 10 ms; on macOS it asks {@code ps} every 250 ms, so
 * that more can be used before it is noticed; on Windows a worker watches its own committed memory,
 * which counts more than what is resident, and one that hangs in native code is ended by the time
 * limit alone. Mapped files cannot be deleted on Windows: there they go with the runtime's
 * temporary folder, as far as the system lets them. Linux x64 is where all this was run.
 */
@NullMarked
package io.jetfire.runtime.internal.worker;

import org.jspecify.annotations.NullMarked;
