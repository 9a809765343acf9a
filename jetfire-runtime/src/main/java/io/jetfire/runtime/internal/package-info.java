/** The runtime and the local device farm behind the SPI. */
@NullMarked
package io.jetfire.runtime.internal;

import org.jspecify.annotations.NullMarked;
