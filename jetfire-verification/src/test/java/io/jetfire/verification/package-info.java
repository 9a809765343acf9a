/** Converted models, checked by running them beside the float ones. */
@NullMarked
package io.jetfire.verification;

import org.jspecify.annotations.NullMarked;
