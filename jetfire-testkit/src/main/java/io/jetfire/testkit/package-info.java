/** Contracts that implementers of JetFire's SPI inherit as tests. */
@NullMarked
package io.jetfire.testkit;

import org.jspecify.annotations.NullMarked;
