@NullMarked
package io.jetfire.adapter.mlmd;

import org.jspecify.annotations.NullMarked;
