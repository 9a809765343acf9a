/** The device farm "local": this host measured as if it were a phone. */
@NullMarked
package io.jetfire.runtime.internal.farm;

import org.jspecify.annotations.NullMarked;
