/** What adapter authors compile against: one interface per kind of provider. */
@NullMarked
package io.jetfire.spi;

import org.jspecify.annotations.NullMarked;
