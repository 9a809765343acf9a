/** Reports as Markdown and JSON files. */
@NullMarked
package io.jetfire.core.internal.report;

import org.jspecify.annotations.NullMarked;
