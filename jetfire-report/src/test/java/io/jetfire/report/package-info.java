@NullMarked
package io.jetfire.report;

import org.jspecify.annotations.NullMarked;
