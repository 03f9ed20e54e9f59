import { defineMessages } from "./messages.ts";

/** The words of forms, of questions before something is lost, and of source texts. */
export const formMessages = defineMessages({
  en: {
    optional: "optional",
    cancel: "Cancel",
    submitKeys: "Ctrl Enter",
    "pick.search": "Type to find",
    "pick.none": "Nothing found",
    "pick.more": "{count} more; type to find them",
    "confirm.type": "Type {name} to confirm",
    "source.search": "Search the text",
    "source.fold": "Fold all",
    "source.unfold": "Unfold all",
    "source.foldLine": "Fold what belongs to line {line}",
    "source.hidden": "{count} {count|line|lines}",
    "file.choose": "Choose a file",
    "file.drop": "or drop it here",
    "file.another": "Choose another",
  },
  zh: {
    optional: "可选",
    cancel: "取消",
    submitKeys: "Ctrl Enter",
    "pick.search": "输入以查找",
    "pick.none": "没有找到",
    "pick.more": "另有 {count} 项，请输入以查找",
    "confirm.type": "输入 {name} 以确认",
    "source.search": "搜索文本",
    "source.fold": "全部折叠",
    "source.unfold": "全部展开",
    "source.foldLine": "折叠第 {line} 行的内容",
    "source.hidden": "{count} 行",
    "file.choose": "选择文件",
    "file.drop": "或拖放到此处",
    "file.another": "选择其他文件",
  },
});
