@NullMarked
package io.jetfire.core.internal.parse;

import org.jspecify.annotations.NullMarked;
