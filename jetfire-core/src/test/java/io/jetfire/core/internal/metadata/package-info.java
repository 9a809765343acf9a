@NullMarked
package io.jetfire.core.internal.metadata;

import org.jspecify.annotations.NullMarked;
