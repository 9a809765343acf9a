@NullMarked
package io.jetfire.core.internal.gate;

import org.jspecify.annotations.NullMarked;
