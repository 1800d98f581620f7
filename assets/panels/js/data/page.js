// What Python tells the page: its words, markup, costs and addresses. `PAGE` stands before the modules in their one file.

export const page = PAGE;
